"""Where models run, one place a file; all serve the interface of `motionlaw.agent.model`."""
