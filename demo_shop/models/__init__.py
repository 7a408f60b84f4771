"""What the shop keeps: its shelves, what stands on them, and what was sold to whom."""

from .coupons import Coupon as Coupon
from .coupons import CouponUse as CouponUse
from .gift_cards import GiftCard as GiftCard
from .goods import MOST_PIECES as MOST_PIECES
from .goods import Category as Category
from .goods import Product as Product
from .goods import Variant as Variant
from .orders import Order as Order
from .orders import OrderLine as OrderLine
from .orders import OrderTax as OrderTax
from .orders import Payment as Payment
from .people import Account as Account
from .people import CartWrite as CartWrite
from .races import Race as Race
from .sharing import SharedBasket as SharedBasket
from .traces import Trace as Trace
