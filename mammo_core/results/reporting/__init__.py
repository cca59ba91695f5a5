"""Reports on a recorded run: a privacy label, a methods paragraph and checklists, as text, page or document."""
