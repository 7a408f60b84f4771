from collections import namedtuple

from flask import Flask
from flask import render_template

from flask_cart import FlaskCart
from flask_cart import ShippingMethod
from flask_cart.pricing.presets import shipping

app = Flask(__name__)
app.config.update(SECRET_KEY="change me", CART_STORAGE="memory", CART_CURRENCY="EUR")
app.config.update(CART_CHECKOUT_URL="/checkout", CART_CLIENT_METADATA=["note"])
cart_ext = FlaskCart(app)
app.register_blueprint(cart_ext.blueprint, url_prefix="/cart")

FIELDS = "cart_id cart_name cart_price cart_image cart_choices"
Ware = namedtuple("Ware", FIELDS, defaults=[{}])
WARES = {
    "mug": Ware("mug", "Mug", "14", "/static/mug.svg", {"glaze": ["Sand", "Sea"]}),
    "bowl": Ware("bowl", "Bowl", "18", "/static/bowl.svg"),
    "jug": Ware("jug", "Jug", "32", "/static/jug.svg"),
}
POST = ShippingMethod(shipping("Post", "4.90", free_from=75))
cart_ext.product_loader(lambda ids: [WARES[each] for each in ids if each in WARES])
cart_ext.shipping_methods(lambda facts: [POST])


@app.get("/")
def home():
    return render_template("home.html", wares=WARES.values())
