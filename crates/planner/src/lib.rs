//! Turns what a person wrote into a plan of steps.
