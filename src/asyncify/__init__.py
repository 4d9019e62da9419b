"""asyncify moves Python code from threads, gevent and requests to asyncio and aiohttp."""

__version__ = "0.1.0"
