"""Colours of the parts, the same in every picture and on the page (which has its own copy in web/src/ui/words.ts)."""

# Told apart by people with any colour vision (Okabe and Ito 2008), the base in grey.
BASE = "#afafaf"
COLORS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")
