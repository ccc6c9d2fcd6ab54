"""The subcommands that fitting adds to `glifjax`."""
