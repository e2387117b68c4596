"""Trains the script model. Run it through `cargo xtask train`."""
