//! What an agent does inside its database, one adapter an engine.
