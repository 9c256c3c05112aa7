"""Tushare: shares of mainland China, by its own client or from folders of its files.

When a row is known (all times Asia/Shanghai; :data:`KNOWN_TIMES` holds the table):

============== ====================== ============================================= ===================================
kind           goes to                known                                         source
============== ====================== ============================================= ===================================
daily          bars                   15:00, the close of its session               prices are public at once
index_daily    bars of another        15:00                                         levels are public at once
               data set
daily_basic    metrics                17:00 of its day                              tushare.pro/document/2?doc_id=32
stk_limit      metrics                9:00 of its day                               tushare.pro/document/2?doc_id=183
suspend_d      symbol_lives           9:30 of its day, or the hour of a halt        tushare.pro/document/2?doc_id=214
stock_basic    symbol_lives           a listing at the start of its day, a          tushare.pro/document/2?doc_id=25
                                      delisting at the end of its day
namechange     symbol_lives           the end of the day of announcement, often     tushare.pro/document/2?doc_id=100
                                      ahead; without one, of its own day
industry       symbol_lives           the download: it tells the present state      tushare.pro/document/2?doc_id=25
trade_cal      macro (differences)    the end of its own day                        tushare.pro/document/2?doc_id=26
============== ====================== ============================================= ===================================
"""

from tidegate.data.connectors.tushare.client import TOKEN_VARIABLE, check_token
from tidegate.data.connectors.tushare.connector import TushareConnector
from tidegate.data.connectors.tushare.endpoints import KNOWN_TIMES, KnownTime
from tidegate.data.connectors.tushare.settings import Kind, TushareSettings

__all__ = [
    "KNOWN_TIMES",
    "TOKEN_VARIABLE",
    "Kind",
    "KnownTime",
    "TushareConnector",
    "TushareSettings",
    "check_token",
]
