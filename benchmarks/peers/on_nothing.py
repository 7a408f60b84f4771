"""The shop on Flask alone: views that know nothing, and ask nobody."""

from __future__ import annotations

from flask import Flask
from flask import redirect
from flask import render_template
from flask import request
from werkzeug import Response

from benchmarks.peers.goods import NAMES
from benchmarks.peers.goods import PRICE


def create_app() -> Flask:
    app = Flask(__name__)

    @app.post("/cart/lines")
    def add() -> Response:
        return redirect("/cart/", code=303)

    @app.get("/cart/")
    def show() -> str:
        names = [NAMES[number] for number in range(1, int(request.args["lines"]) + 1)]
        lines = [
            {
                "item": name,
                "name": name,
                "price": PRICE,
                "quantity": 1,
                "subtotal": PRICE,
            }
            for name in names
        ]

        return render_template("cart.html", lines=lines, total=PRICE * len(lines))

    return app
