"""Hardware, operating system and network; nothing else imports their libraries."""
