"""The views of the shop with dj-shop-cart, which has none of its own."""

from __future__ import annotations

import typing as t

from dj_shop_cart.cart import CartItem
from dj_shop_cart.cart import get_cart
from django.db import connection
from django.db import models
from django.http import HttpRequest
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.shortcuts import redirect
from django.shortcuts import render
from django.urls import path

from benchmarks.peers.goods import NAMES
from benchmarks.peers.goods import PRICE


class Product(models.Model):  # type: ignore[misc]
    """What is sold."""

    name = models.CharField(max_length=80)
    price = models.DecimalField(max_digits=8, decimal_places=2)

    class Meta:
        app_label = "shop"

    def get_price(self, item: CartItem) -> t.Any:
        return self.price


def add(request: HttpRequest) -> HttpResponse:
    product = get_object_or_404(Product, pk=request.POST["item"])
    get_cart(request).add(product, quantity=int(request.POST["quantity"]))

    return redirect("/cart/")


def show(request: HttpRequest) -> HttpResponse:
    cart = get_cart(request)
    lines = [
        {
            "item": item.product_pk,
            "name": item.product.name,
            "price": item.price,
            "quantity": item.quantity,
            "subtotal": item.subtotal,
        }
        for item in cart
    ]

    return render(request, "cart.html", {"lines": lines, "total": cart.total})


urlpatterns = [path("cart/lines", add), path("cart/", show)]


def fill() -> None:
    """Make the products."""
    with connection.schema_editor() as editor:
        editor.create_model(Product)

    Product.objects.bulk_create(
        Product(id=number, name=name, price=PRICE) for number, name in NAMES.items()
    )
