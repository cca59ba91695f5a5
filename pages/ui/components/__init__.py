"""Parts that several pages share: grids, charts, exports, statements, talk mode."""
