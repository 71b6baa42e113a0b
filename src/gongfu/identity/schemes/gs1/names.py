"""What people call the commoner application identifiers; the others go by the data title of the standard. Pure.

Chinese names follow GB/T 16986 商品条码 应用标识符.
"""

from __future__ import annotations

from collections.abc import Mapping

from gongfu.kernel.i18n import mark

NAMES: Mapping[str, str] = {
    "00": mark("Logistic unit (SSCC)"),
    "01": mark("Trade item (GTIN)"),
    "02": mark("Contained trade items (GTIN)"),
    "10": mark("Batch or lot"),
    "11": mark("Production date"),
    "12": mark("Due date"),
    "13": mark("Packaging date"),
    "15": mark("Best before"),
    "16": mark("Sell by"),
    "17": mark("Expiry date"),
    "20": mark("Internal variant"),
    "21": mark("Serial"),
    "22": mark("Consumer product variant"),
    "30": mark("Variable count"),
    "37": mark("Count of contained items"),
    "235": mark("Third-party extension"),
    "240": mark("Additional product code"),
    "241": mark("Customer's part number"),
    "253": mark("Document (GDTI)"),
    "254": mark("Extension of the location"),
    "255": mark("Coupon (GCN)"),
    "400": mark("Customer's order number"),
    "401": mark("Consignment (GINC)"),
    "402": mark("Shipment (GSIN)"),
    "410": mark("Ship to (GLN)"),
    "411": mark("Bill to (GLN)"),
    "412": mark("Purchased from (GLN)"),
    "414": mark("Location (GLN)"),
    "415": mark("Invoicing party (GLN)"),
    "416": mark("Production location (GLN)"),
    "417": mark("Party (GLN)"),
    "422": mark("Country of origin"),
    "7003": mark("Expiry date and time"),
    "8003": mark("Returnable asset (GRAI)"),
    "8004": mark("Individual asset (GIAI)"),
    "8006": mark("Piece of a trade item (ITIP)"),
    "8008": mark("Production date and time"),
    "8010": mark("Component or part (CPID)"),
    "8011": mark("Serial of the component"),
    "8012": mark("Software version"),
    "8013": mark("Product model (GMN)"),
    "8017": mark("Service provider (GSRN)"),
    "8018": mark("Service recipient (GSRN)"),
    "8019": mark("Service instance"),
    "8020": mark("Payment slip"),
    "8200": mark("Packaging address"),
    **{f"310{place}": mark("Net weight, kg") for place in range(6)},
    **{f"330{place}": mark("Gross weight, kg") for place in range(6)},
}
"""Application identifier → marked name."""
