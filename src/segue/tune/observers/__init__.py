"""What follows a sweep: the live view, notifications, logging services, the watchdog."""
