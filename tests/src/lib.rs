//! Cluster, fault and end-to-end tests.
