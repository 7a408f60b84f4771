"""The addresses of the shop with django-oscar, and its products."""

from __future__ import annotations

from django.apps import apps
from django.urls import include
from django.urls import path
from oscar.core.loading import get_model

from benchmarks.peers.goods import NAMES
from benchmarks.peers.goods import PRICE

urlpatterns = [
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include(apps.get_app_config("oscar").urls[0])),
]


def fill() -> None:
    """Put the products on its shelves, with enough of each."""
    kind = get_model("catalogue", "ProductClass").objects.create(name="Goods")
    partner = get_model("partner", "Partner").objects.create(name="Store")

    for number, name in NAMES.items():
        product = get_model("catalogue", "Product").objects.create(
            id=number, title=name, upc=str(number), product_class=kind
        )
        get_model("partner", "StockRecord").objects.create(
            product=product,
            partner=partner,
            partner_sku=str(number),
            price=PRICE,
            num_in_stock=2**31 - 1,
        )
