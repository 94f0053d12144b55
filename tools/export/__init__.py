"""What leaves the program: figures, tables, GeoJSON for QuPath, h5ad, a report of the conversation."""

from tools.export.figure import figure, overview, write_png
from tools.export.geojson import feature_collection, write_geojson
from tools.export.layers import MapLayer
from tools.export.report import Report, ReportPicture, ReportTable, ReportTurn, report_html, write_report
from tools.export.tables import spot_table, table_csv, write_csv, write_h5ad

__all__ = [
    "MapLayer",
    "Report",
    "ReportPicture",
    "ReportTable",
    "ReportTurn",
    "feature_collection",
    "figure",
    "overview",
    "report_html",
    "spot_table",
    "table_csv",
    "write_csv",
    "write_geojson",
    "write_h5ad",
    "write_png",
    "write_report",
]
