"""Pure decisions: no clock, no network, no asyncio. Values in, values out."""
