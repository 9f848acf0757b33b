"""The page for people (`report`), and its plots (`plots`)."""
