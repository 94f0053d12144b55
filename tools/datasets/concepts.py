"""Composite concepts of histology in words, with genes that stand for them.

Cell-type collections know cells; people ask for tissues, regions and states. Written for this project from general
knowledge of pathology; each entry is phrases separated by `|`
(a line that starts with `|` goes on), then genes, indented.
"""

_TISSUES = """
epidermis|skin epithelium|epidermal layer|squamous epithelium of the skin|stratified squamous epithelium
  KRT5 KRT14 KRT1 KRT10 KRT15 KRT2 DSP DSG1 DSG3 DSC3 PERP SFN TP63 LGALS7B KRTDAP DMKN SBSN LOR IVL FLG CDH1 JUP PKP1
keratinocytes|keratinocyte|epidermal keratinocytes|squamous cells
  KRT5 KRT14 KRT1 KRT10 KRT15 KRT6A KRT16 KRT17 DSP DSG3 DSC3 PERP SFN TP63 LGALS7B KRTDAP DMKN S100A2 CDH1 JUP
basal keratinocytes|basal layer of the epidermis|stratum basale
  KRT5 KRT14 KRT15 COL17A1 ITGA6 ITGB4 TP63 DST LAMB3 CAV1 S100A2
keratinisation|keratin|cornified layer|stratum corneum|keratin pearls|cornification|keratinization
  KRT1 KRT10 LOR FLG IVL SPRR1A SPRR1B SPRR2A SPRR2D SPRR3 KRTDAP SBSN CNFN LCE3D TGM1 TGM3 KLK5 KLK7 S100A7
  S100A8 S100A9 KRT6A KRT16
hair follicle|outer root sheath|pilosebaceous unit
  KRT17 KRT15 KRT5 KRT14 KRT6B KRT75 KRT79 SOX9 LGR5 LHX2 KRT25 KRT71 TCHH CDH1 PERP DSP
sebaceous gland|sebocytes
  MGST1 FADS2 SCD FASN ELOVL5 PLIN2 PPARG KRT79 FABP5 AWAT2 MUC1
sweat gland|eccrine gland
  AQP5 KRT7 KRT8 KRT18 KRT19 SCGB1D2 SCGB2A2 MUCL1 PIP DCD KRT77
normal epithelium|benign epithelium|epithelium|epithelial cells|epithelial tissue|epithelial layer
  EPCAM CDH1 KRT8 KRT18 KRT19 KRT7 KRT5 KRT14 CLDN4 CLDN3 CLDN7 DSP PERP JUP ELF3 SPINT2 ESRP1 GRHL2 KRT15 KRT17
  TACSTD2
breast glands|mammary glands|normal breast lobules|breast ducts and lobules|glandular tissue of the breast
|ductal epithelium
  KRT5 KRT14 KRT17 KRT15 SCGB2A2 SCGB1D2 KRT7 KRT19 ELF5 KIT LTF PIGR SLPI MMP7 SFRP1 TFF3 AZGP1 PIP SAA1 SAA2
  WFDC2 MUCL1 ACTG2 OXTR MYLK
glands|glandular epithelium|gland|secretory epithelium
  EPCAM KRT7 KRT8 KRT18 KRT19 MUC1 PIGR SLPI WFDC2 LTF TFF3 AGR2 CLDN4 ELF3 SCGB2A2 SCGB1D2
myoepithelium|myoepithelial cells
  KRT5 KRT14 KRT17 ACTA2 MYLK MYH11 OXTR TAGLN CNN1 TP63 ACTG2 DST
dermis|dermal connective tissue|papillary dermis|reticular dermis
  COL1A1 COL1A2 COL3A1 DCN LUM SPARC FBLN1 MFAP5 CFD DPT PI16 SFRP2 COL6A1 COL6A2 COL6A3 MMP2 PDGFRA CCDC80 ELN FBN1
stroma|connective tissue|stromal tissue|fibrous tissue|fibrous stroma|tumour stroma|tumor stroma|desmoplastic stroma
  COL1A1 COL1A2 COL3A1 COL5A1 COL5A2 COL6A1 COL6A2 COL6A3 DCN LUM SPARC FN1 FBLN1 FBLN2 POSTN THY1 PDGFRB MMP2 VIM
  BGN TIMP3 CTSK SFRP2 AEBP1
collagen|collagen fibres|collagen fibers|collagen deposition|extracellular matrix|matrix
  COL1A1 COL1A2 COL3A1 COL5A1 COL5A2 COL6A1 COL6A2 COL6A3 COL14A1 COL12A1 DCN LUM BGN SPARC FBN1 FN1 LOX PCOLCE
  MFAP2 ELN POSTN THBS2
fibroblasts|fibroblast|fibrocytes
  COL1A1 COL1A2 COL3A1 DCN LUM PDGFRA PDGFRB FAP THY1 FBLN1 FBLN2 MMP2 CFD DPT SFRP2 PI16 SPARC VIM CTSK C1S C1R
  SERPINF1 MFAP4 CCDC80
cancer-associated fibroblasts|CAF|myofibroblasts|activated fibroblasts
  FAP POSTN COL11A1 COL10A1 COL1A1 COL3A1 ACTA2 TAGLN THBS2 MMP11 MMP14 INHBA CTHRC1 SULF1 COL5A1 LRRC15 PDGFRB
fibrosis|scar|sclerosis|hyalinised stroma
  COL1A1 COL1A2 COL3A1 COL5A1 FN1 TIMP1 LOX LOXL2 POSTN SPARC BGN CTHRC1 TGFB1 CCN2 ACTA2 SERPINE1
fat|adipose tissue|fatty tissue|adipocytes|fat cells|subcutaneous fat
  ADIPOQ PLIN1 PLIN4 FABP4 LEP LPL CIDEC CIDEA CD36 ADH1B GPD1 AQP7 CFD ACACB PCK1 SCD RBP4 G0S2 LIPE TIMP4 PPARG
blood vessels|vessels|vasculature|endothelium|endothelial cells|capillaries|angiogenesis|arteries and veins
  PECAM1 VWF CDH5 CLDN5 PLVAP EGFL7 ENG KDR FLT1 TIE1 TEK ESAM ROBO4 MMRN2 AQP1 RAMP2 ECSCR EMCN ACKR1 SOX17 CD34
  ICAM2
lymphatic vessels|lymphatics
  LYVE1 PROX1 PDPN CCL21 FLT4 MMRN1 TFF3 FGL2
smooth muscle|muscularis|smooth muscle cells|pericytes and smooth muscle|vessel wall
  ACTA2 MYH11 TAGLN CNN1 DES ACTG2 MYLK LMOD1 SYNM CALD1 TPM2 TPM1 MYL9 RGS5 NOTCH3 MCAM
pericytes|mural cells|perivascular cells
  RGS5 PDGFRB NOTCH3 CSPG4 MCAM ACTA2 KCNJ8 ABCC9 HIGD1B COX4I2 NDUFA4L2
skeletal muscle|striated muscle|muscle
  ACTA1 MYH2 MYH7 MYH1 TNNT3 TNNC2 CKM MYLPF DES MB TNNI2 TTN NEB
nerve|peripheral nerve|nerves|schwann cells
  MPZ S100B PLP1 SOX10 MBP PMP22 NCAM1 CDH19 NRXN1 PRX GFRA3
cartilage|chondrocytes|bone
  COL2A1 ACAN SOX9 COL9A1 COMP MATN3 COL11A2 SPP1 IBSP ALPL BGLAP
mucosa|colon mucosa|intestinal epithelium|crypts|colonocytes
  EPCAM KRT8 KRT18 KRT19 KRT20 MUC2 CDX2 VIL1 LGALS4 PHGR1 FABP1 CEACAM5 TFF3 PIGR OLFM4 CA1 SLC26A3 AQP8
mucus|goblet cells|mucin
  MUC2 TFF3 SPINK4 CLCA1 FCGBP AGR2 ZG16 ITLN1 MUC5AC MUC5B
respiratory epithelium|airway epithelium|bronchus|ciliated epithelium
  SCGB1A1 SCGB3A1 FOXJ1 PIFO CAPS TPPP3 KRT5 MUC5B MUC5AC BPIFB1 TUBB4B AGR3 SLPI WFDC2
alveoli|lung parenchyma|pneumocytes|alveolar epithelium
  SFTPC SFTPB SFTPA1 SFTPA2 SFTPD ABCA3 NAPSA AGER PGC SLC34A2 LAMP3 HOPX CAV1 EMP2
liver|hepatocytes|liver parenchyma
  ALB APOA1 APOA2 APOC3 TTR FGB FGA SERPINA1 TF CYP3A4 CYP2E1 HP
kidney tubules|renal tubular epithelium|glomeruli
  LRP2 CUBN SLC34A1 UMOD AQP1 ALDOB GATM SLC12A1 NPHS1 NPHS2 PODXL
melanocytes|melanin|pigment cells|nevus|melanoma
  PMEL MLANA TYR TYRP1 DCT MITF SOX10 S100B CDH19 SLC45A2 GPR143
salivary gland|acinar cells
  STATH HTN1 PRB1 AMY1A BHLHA15 PIGR LPO ZG16B
"""
_IMMUNE = """
immune cells|leukocytes|white blood cells|inflammatory cells
  PTPRC CD3D CD3E CD2 CD52 CD37 CD53 LTB IL7R TRAC TRBC2 CORO1A LCK CD74 HLA-DRA LAPTM5 CXCR4 MS4A1 CD79A IL2RG
  RAC2 ARHGDIB CD48 CCL5 CCL19 TYROBP SRGN CD69
immune infiltrate|immune infiltration|inflammation|inflammatory infiltrate|immune cell rich region
  PTPRC CD3D CD3E CD2 CD52 CD37 CD53 LTB IL7R TRAC TRBC2 CORO1A LCK CD74 HLA-DRA LAPTM5 CXCR4 MS4A1 CD79A IL2RG
  RAC2 ARHGDIB CD48 CCL5 CCL19 TYROBP SRGN CD69
lymphocytes|lymphocytic infiltrate|tumour-infiltrating lymphocytes|tumor infiltrating lymphocytes|TILs|lymphoid cells
  CD3D CD3E CD2 CD52 CD37 LTB IL7R TRAC TRBC1 TRBC2 CORO1A LCK CD69 MS4A1 CD79A CCR7 SELL IL2RG PTPRC CD27 CD48
  IKZF1 CD247
T cells|T lymphocytes|T-cells|T cell infiltration
  CD3D CD3E CD3G CD2 CD5 CD6 CD7 TRAC TRBC1 TRBC2 LCK IL7R CD247 ZAP70 ITK CD27 CD28 TRAT1 SKAP1 CD8A CD4 BCL11B
  THEMIS
CD8 T cells|cytotoxic T cells|killer T cells|CD8+ T lymphocytes|cytotoxic lymphocytes
  CD8A CD8B GZMA GZMB GZMK GZMH PRF1 NKG7 CCL5 CST7 CD3D CD3E TRAC KLRD1 KLRK1 EOMES IFNG CTSW
CD4 T cells|helper T cells
  CD4 CD3D CD3E IL7R TRAC CD40LG LTB MAL CCR7 TCF7 LEF1 CD28 ICOS
regulatory T cells|Tregs
  FOXP3 IL2RA CTLA4 TNFRSF18 TNFRSF4 IKZF2 BATF TIGIT CD3D TRAC CCR8
exhausted T cells|T cell exhaustion|immune checkpoint
  PDCD1 CTLA4 LAG3 HAVCR2 TIGIT TOX ENTPD1 CXCL13 LAYN CD8A CD274
natural killer cells|NK cells
  NKG7 GNLY KLRD1 KLRF1 NCAM1 PRF1 GZMB NCR1 FGFBP2 SPON2 KLRC1 XCL1 XCL2 FCGR3A
B cells|B lymphocytes|B-cells
  MS4A1 CD19 CD79A CD79B BANK1 CD22 BLK FCRL1 FCRLA PAX5 TNFRSF13C CD37 HLA-DQA1 HLA-DRA VPREB3 IGHM IGHD CR2 SPIB
plasma cells|antibody-secreting cells|immunoglobulin|plasmablasts
  IGKC IGHG1 IGHG3 IGHG4 IGHA1 IGLC2 IGLC3 JCHAIN MZB1 XBP1 DERL3 TNFRSF17 SDC1 FKBP11 SSR4 PRDM1 POU2AF1 IGHM CD79A
tertiary lymphoid structure|tertiary lymphoid structures|TLS|lymphoid follicle|lymphoid aggregate
|germinal centre|germinal center|lymphoid tissue|lymph node
  MS4A1 CD19 CD79A CD79B CXCL13 CCL19 CCL21 CXCR5 CR2 LTB CCR7 SELL CD3D CD3E IL7R LAMP3 BCL6 CD37 CD52 TRAC CD22
  FDCSP TNFRSF13C BANK1 TRBC2
macrophages|macrophage|tumour-associated macrophages|histiocytes
  CD68 CD163 CSF1R MRC1 C1QA C1QB C1QC TYROBP FCER1G AIF1 MSR1 MS4A7 LYZ CD14 FCGR3A VSIG4 APOE MARCO SPP1 CTSB
monocytes|myeloid cells|myeloid
  LYZ CD14 S100A8 S100A9 FCN1 VCAN TYROBP FCER1G AIF1 CSF1R CST3 ITGAM CD68 FCGR3A LST1 SPI1
neutrophils|granulocytes|acute inflammation|pus|abscess
  S100A8 S100A9 S100A12 CSF3R FCGR3B CXCR2 CXCR1 FPR1 CXCL8 MMP9 G0S2 NAMPT MPO ELANE IL1B
dendritic cells|antigen-presenting cells|antigen presentation
  HLA-DRA HLA-DPA1 HLA-DPB1 HLA-DQA1 CD74 CD1C CLEC9A CLEC10A FCER1A CD83 LAMP3 CCR7 FLT3 ITGAX CST3 XCR1
Langerhans cells
  CD207 CD1A CD1C HLA-DRA CD74 FCER1A
mast cells
  TPSAB1 TPSB2 CPA3 KIT MS4A2 HPGDS HDC CTSG FCER1A GATA2
eosinophils
  CLC CCR3 SIGLEC8 EPX PRG2 IL5RA
erythrocytes|red blood cells|blood|haemorrhage|hemorrhage
  HBB HBA1 HBA2 HBD ALAS2 SLC4A1 AHSP GYPA CA1 EPB42
interferon response|interferon signalling|antiviral response
  ISG15 IFI6 IFI27 IFI44L IFIT1 IFIT3 MX1 OAS1 STAT1 CXCL10 CXCL9 IFITM1 BST2 XAF1
"""
_STATES = """
tumour|tumor|cancer|malignant cells|carcinoma|tumour cells|tumor cells|cancer cells|malignant epithelium
|neoplastic cells|neoplasm|invasive carcinoma
  EPCAM KRT8 KRT18 KRT19 KRT7 CDH1 MUC1 ERBB2 CD24 CLDN3 CLDN4 CLDN7 MKI67 TOP2A STMN1 TUBA1B CCND1 MYC ELF3
  SPINT2 TACSTD2 FASN SCD BIRC5 GAPDH ENO1 LDHA
invasive cancer|invasive breast cancer|breast carcinoma|HER2-positive breast cancer|ductal carcinoma
  ERBB2 GRB7 STARD3 PGAP3 MIEN1 EPCAM KRT8 KRT18 KRT19 KRT7 CD24 MUC1 CLDN4 SCD FASN GATA3 ESR1 TFF1 AGR2 XBP1
  S100A9 CEACAM6
cancer in situ|ductal carcinoma in situ|DCIS|carcinoma in situ
  ERBB2 EPCAM KRT8 KRT18 KRT19 CD24 MUC1 GATA3 KRT5 KRT14 KRT17 MYLK SCD FASN TFAP2A TFAP2B
squamous cell carcinoma|squamous carcinoma|squamous tumour
  KRT5 KRT14 KRT6A KRT6B KRT16 KRT17 TP63 SOX2 DSG3 DSC3 SFN PERP S100A2 PKP1 SERPINB3 SERPINB4 SERPINB5 EGFR
  LAMC2 LAMB3 CDH3
adenocarcinoma|colorectal cancer|colorectal adenocarcinoma
  EPCAM CEACAM5 CEACAM6 KRT8 KRT18 KRT19 KRT20 CDX2 LGALS4 TSPAN8 PHGR1 MUC1 CLDN4 CLDN3 ASCL2 EREG AGR2
basal cell carcinoma
  KRT5 KRT14 KRT15 KRT17 PTCH1 GLI1 GLI2 TP63 BCAM EPCAM LHX2
proliferation|proliferating cells|mitosis|dividing cells|cell division|cell cycle|mitotic figures
  MKI67 TOP2A CCNB1 CCNB2 CDK1 BIRC5 UBE2C TYMS PCNA MCM2 MCM3 MCM5 MCM7 CENPF NUSAP1 TPX2 AURKA AURKB RRM2 STMN1
  HMGB2 CDC20 PTTG1
hypoxia|hypoxic tumour|hypoxic tumor|hypoxic region|low oxygen
  CA9 VEGFA SLC2A1 ADM NDRG1 LDHA PGK1 ENO1 ALDOA BNIP3 P4HA1 ANKRD37 EGLN3 HK2 PDK1 ANGPTL4 MXI1 KDM3A
necrosis|necrotic tissue|dead cells|cell death|necrotic debris
  CA9 VEGFA SLC2A1 NDRG1 ADM HMOX1 S100A8 S100A9 LDHA HILPDA DDIT3 ATF3 IL1B CXCL8 MT1X MT2A ANGPTL4 SERPINE1
epithelial-mesenchymal transition|EMT|invasive front|mesenchymal tumour
  VIM FN1 ZEB1 ZEB2 SNAI2 TWIST1 CDH2 SPARC TGFBI ITGA5 LAMC2 MMP14 SERPINE1 TNC
glycolysis|glucose metabolism
  GAPDH ENO1 LDHA PGK1 PKM ALDOA TPI1 HK2 SLC2A1 PFKP GPI PGAM1
oxidative phosphorylation|mitochondria
  NDUFA4 COX7A2 ATP5F1E COX6C UQCRQ NDUFB9 COX5B ATP5MC3 NDUFS5 COX8A CYC1
lipid metabolism|fatty acid synthesis
  FASN SCD ACACA ACLY ELOVL5 HMGCS1 HMGCR LDLR SQLE FADS1 FADS2 INSIG1
oestrogen receptor signalling|estrogen response|hormone receptor positive
  ESR1 PGR TFF1 GREB1 XBP1 GATA3 FOXA1 AGR2 AGR3 CA12 MYB NAT1
HER2|ERBB2 amplification|HER2 amplification
  ERBB2 GRB7 STARD3 PGAP3 MIEN1 ORMDL3 PSMD3 CDK12 TCAP
wound healing|tissue repair|granulation tissue
  FN1 COL3A1 COL1A1 POSTN TNC SERPINE1 PLAUR VEGFA PDGFRB ACTA2 IL6 CCL2 KRT6A KRT16
stem cells|cancer stem cells
  ALDH1A1 CD44 PROM1 SOX9 SOX2 LGR5 KLF4 NANOG POU5F1 MYC EPCAM
"""


def concepts() -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """(phrases, genes) of every concept; the first phrase is its name."""
    found: list[tuple[list[str], list[str]]] = []
    for line in (_TISSUES + _IMMUNE + _STATES).split("\n"):
        if line.startswith(" "):
            found[-1][1].extend(line.split())
        elif line.startswith("|"):
            found[-1][0].extend(line[1:].split("|"))
        elif line:
            found.append((line.split("|"), []))
    return [(tuple(phrases), tuple(genes)) for phrases, genes in found]
