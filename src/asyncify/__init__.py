"""asyncify moves Python code from thread pools and requests to asyncio and aiohttp."""

__version__ = "0.1.0"
