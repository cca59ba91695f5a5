"""What all visitors share: cached resources and the job queue."""
