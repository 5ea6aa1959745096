"""The second model as a feature of quisait."""

from quisait.features import Feature, SettingsPart

FEATURE = Feature(
    name="second-model",
    settings=(SettingsPart("reranker", "quisait_second_model.settings:RerankerSettings"),),
)
