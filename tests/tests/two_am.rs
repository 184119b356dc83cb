//! The 2 a.m. test: a change does not move, and somebody who was woken up looks at it. `cluster why`, `change show` and `cluster status` must
//! name cause, place and remedy. Broken situations, each made for real; what is shown is a snapshot.
//!
//! After a change of the texts: `INSTA_UPDATE=always cargo test -p lockstep-tests --test two_am`, then read what differs.

mod night;
