"""Publication to where others read: Snowflake and S3."""
