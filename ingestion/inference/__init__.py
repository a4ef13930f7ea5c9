"""What a drifted feed became, and the contract that takes it: landed records against their contract."""
