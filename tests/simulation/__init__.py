"""The whole daemon on virtual time: one seed is one run, and a seed that fails replays exactly."""
