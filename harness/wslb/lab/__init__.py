"""Opens, holds, and the witnesses."""
