"""Declares the second model, which reorders the first hits of a search, as a feature."""

from quisait.features import Feature, SettingsPart

FEATURE = Feature(
    name="second-model",
    settings=(SettingsPart("reranker", "quisait_second_model.settings:RerankerSettings"),),
)
