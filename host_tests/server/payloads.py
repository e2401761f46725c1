"""The request payloads as the specification has them: written from its tables, not from the server."""

TEMPLATES = "Common Template-Attribute, Private Key Template-Attribute, Public Key Template-Attribute"
PAIR_2 = ("Common Attributes, Private Key Attributes, Public Key Attributes, "
          "Common Protection Storage Masks, Private Protection Storage Masks, "
          "Public Protection Storage Masks")
UID = "Unique Identifier"
ANY, FIRST, LATER, SECOND = "10-21", "10-14", "11-14", "20-21"
# By first and last version (21 is 2.1), the fields in order: R where it is required, * where it may repeat.
# Of Register the object itself is left out: its field is what Object Type names, required from 1.2 on.
# The sections stand beside them: of 1.0; of 1.1 to 1.4; of 2.0, 2.1.
TABLES = {
    "Create": {  # 4.1; 4.1; 6.1.8
        FIRST: "Object Type R, Template-Attribute R",
        SECOND: "Object Type R, Attributes R, Protection Storage Masks"},
    "Create Key Pair": {FIRST: TEMPLATES, SECOND: PAIR_2},  # 4.2; 4.2; 6.1.9
    "Register": {  # 4.3; 4.3; 6.1.39, 6.1.43
        FIRST: "Object Type R, Template-Attribute R",
        SECOND: "Object Type R, Attributes R, Protection Storage Masks"},
    "Re-key": {  # 4.4; 4.4; 6.1.42, 6.1.46
        FIRST: UID + ", Offset, Template-Attribute",
        SECOND: UID + ", Offset, Attributes, Protection Storage Masks"},
    "Re-key Key Pair": {  # -; 4.5; 6.1.43, 6.1.47
        LATER: "Private Key Unique Identifier, Offset, " + TEMPLATES,
        SECOND: "Private Key Unique Identifier, Offset, " + PAIR_2},
    "Derive Key": {  # 4.5; 4.6; 6.1.14
        FIRST: "Object Type R, Unique Identifier R*, Derivation Method R, Derivation Parameters R, "
               "Template-Attribute R",
        SECOND: "Object Type R, Unique Identifier R*, Derivation Method R, Derivation Parameters R, "
                "Attributes R"},
    "Certify": {  # 4.6; 4.7; 6.1.6
        "10-10": UID + ", Certificate Request Type R, Certificate Request R, Template-Attribute",
        LATER: UID + ", Certificate Request Type, Certificate Request, Template-Attribute",
        SECOND: UID + ", Certificate Request Type, Certificate Request Value, Attributes, "
                "Protection Storage Masks"},
    "Re-certify": {  # 4.7; 4.8; 6.1.41, 6.1.45
        "10-10": UID + ", Certificate Request Type R, Certificate Request R, Offset, Template-Attribute",
        LATER: UID + ", Certificate Request Type, Certificate Request, Offset, Template-Attribute",
        SECOND: UID + ", Certificate Request Unique Identifier, Certificate Request Type, "
                "Certificate Request Value, Offset, Attributes, Protection Storage Masks"},
    "Locate": {  # 4.8; 4.9; 6.1.27, 6.1.28
        "10-10": "Maximum Items, Storage Status Mask, Attribute *",
        "11-12": "Maximum Items, Storage Status Mask, Object Group Member, Attribute *",
        "13-14": "Maximum Items, Offset Items, Storage Status Mask, Object Group Member, Attribute *",
        SECOND: "Maximum Items, Offset Items, Storage Status Mask, Object Group Member, Attributes R"},
    "Check": {ANY: UID + ", Usage Limits Count, Cryptographic Usage Mask, Lease Time"},  # 4.9; 4.10; 6.1.7
    "Get": {  # 4.10; 4.11; 6.1.19
        "10-13": UID + ", Key Format Type, Key Compression Type, Key Wrapping Specification",
        "14-21": UID + ", Key Format Type, Key Wrap Type, Key Compression Type, Key Wrapping Specification"},
    "Get Attributes": {  # 4.11; 4.12; 6.1.20
        FIRST: UID + ", Attribute Name *", SECOND: UID + ", Attribute Reference *"},
    "Get Attribute List": {ANY: UID},  # 4.12; 4.13; 6.1.21
    "Add Attribute": {FIRST: UID + ", Attribute R", SECOND: UID + ", New Attribute R"},  # 4.13; 4.14; 6.1.2
    "Modify Attribute": {  # 4.14; 4.15; 6.1.33, 6.1.34
        FIRST: UID + ", Attribute R", SECOND: UID + ", Current Attribute, New Attribute R"},
    "Delete Attribute": {  # 4.15; 4.16; 6.1.13
        FIRST: UID + ", Attribute Name R, Attribute Index",
        SECOND: UID + ", Current Attribute, Attribute Reference"},
    "Set Attribute": {SECOND: UID + ", New Attribute R"},  # -; -; 6.1.47, 6.1.51
    "Adjust Attribute": {  # -; -; 6.1.3
        SECOND: UID + ", Attribute Reference R, Adjustment Type R, Adjustment Value"},
    "Obtain Lease": {ANY: UID},  # 4.16; 4.17; 6.1.34, 6.1.35
    "Get Usage Allocation": {ANY: UID + ", Usage Limits Count R"},  # 4.17; 4.18; 6.1.22, 6.1.23
    "Activate": {ANY: UID},  # 4.18; 4.19; 6.1.1
    "Revoke": {ANY: UID + ", Revocation Reason R, Compromise Occurrence Date"},  # 4.19; 4.20; 6.1.40, 6.1.44
    "Destroy": {ANY: UID},  # 4.20; 4.21; 6.1.15
    "Archive": {ANY: UID},  # 4.21; 4.22; 6.1.4
    "Recover": {ANY: UID},  # 4.22; 4.23; 6.1.38, 6.1.42
    "Validate": {ANY: "Certificate *, Unique Identifier *, Validity Date"},  # 4.23; 4.24; 6.1.51, 6.1.57
    "Query": {  # 4.24; 4.25; 6.1.37, 6.1.40
        "10-20": "Query Function R*", "21-21": "Query Function R*, Object Groups"},
    "Discover Versions": {"11-21": "Protocol Version *"},  # -; 4.26; 6.1.16
    "Cancel": {ANY: "Asynchronous Correlation Value R"},  # 4.25; 4.27; 6.1.5
    "Poll": {ANY: "Asynchronous Correlation Value R"},  # 4.26; 4.28; 6.1.36, 6.1.38
}


def payload(operation, version):
    """[(field's name, required, repeated)] of an operation's request, or None where the version has none."""
    for versions, text in TABLES[operation].items():
        low, high = map(int, versions.split("-"))
        if low <= version <= high:
            rows = []
            for row in text.split(", "):
                name = row.removesuffix("*").rstrip()
                rows.append((name.removesuffix(" R"), name.endswith(" R"), row.endswith("*")))
            return rows
    return None
