"""Texts that several pages show."""

GET_DATA = (
    "The page **Data** fetches the paper's data in one step from the public repository "
    "**RichardObi/mammo_dp** (about 50 MB). CBIS-DDSM is CC BY 3.0; BCDR has its own terms. The "
    "page also imports your own mammograms."
)
INTERVALS = (
    "Bands and bars: 95 % interval for **one released model**. It joins the sampling of test "
    "patients (bootstrap over patients) and the noise of training (spread over seeds). It does "
    "not cover the choice of the recipe, made on validation data."
)
