"""Under which terms the paper's data may be used: to be read before they are fetched, and kept beside them."""

TERMS_NAME = "LICENCES.md"
TERMS = """\
# Terms of these data, and what to cite

Research use only, not for diagnosis.

**CBIS-DDSM** (`dataset16062024/cbis-ddsm`): Creative Commons Attribution 3.0 Unported (CC BY 3.0,
https://creativecommons.org/licenses/by/3.0/). Changed from the original: masses cut out, 128 × 128 pixels,
8-bit grey. Cite:

- Sawyer-Lee R, Gimenez F, Hoogi A, Rubin D. Curated Breast Imaging Subset of Digital Database for Screening
  Mammography (CBIS-DDSM). The Cancer Imaging Archive, 2016. https://doi.org/10.7937/K9/TCIA.2016.7O02S9CY
- Lee RS, Gimenez F, Hoogi A, Miyake KK, Gorovoy M, Rubin DL. A curated mammography data set for use in
  computer-aided detection and diagnosis research. Scientific Data 4:170177, 2017.
- Clark K, Vendt B, Smith K, et al. The Cancer Imaging Archive (TCIA): maintaining and operating a public
  information repository. Journal of Digital Imaging 26(6):1045-1057, 2013.

**BCDR** (`dataset16062024/bcdr`): not free. The Breast Cancer Digital Repository gives its images on request
(https://bcdr.eu) under terms of its own: do not hand them on, and use them only if these terms let you. They can
be left out. Cite:

- Guevara Lopez MA, González Posada N, Moura DC, et al. BCDR: a breast cancer digital repository. 15th
  International Conference on Experimental Mechanics, 2012.

**Synthetic masses** (`extension/synthetic_data/cbis-ddsm/c-dcgan`) and the arrangement of all files: the public
repository https://github.com/RichardObi/mammo_dp, under the licence stated there. Cite the paper:

- Osuala R, Lang DM, Riess A, Kaissis G, Szafranowska Z, Skorupko G, Diaz O, Schnabel JA, Lekadir K. Enhancing the
  Utility of Privacy-Preserving Cancer Classification using Synthetic Data. arXiv:2407.12669, 2024.

None of these data are part of this program, which only fetches them for you.
"""
