"""syncd keeps LinkedIn audiences equal to what a company's CRM says."""

__version__ = "0.1.0"
