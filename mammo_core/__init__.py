"""The core of Mammo Privacy Explorer: everything the app does, without the app. Never imports Streamlit."""

__version__ = "0.1.0"
