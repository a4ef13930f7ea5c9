"""Feature views: windows that expire, on the 15-minute grid and on business days."""
