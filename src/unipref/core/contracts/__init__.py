"""The base classes of plug-ins: format, export, exporter, aggregate, judge, scorer, strategy, trainer and benchmark.

Each is a `Choice`: a frozen pydantic object. Its fields are its settings, its docstring is its documentation, and one
or two methods do the work. A choice is one file in the folder of its stage, and the file's name is its name.
"""

from unipref.core.contracts.base import Choice, Settings
from unipref.core.contracts.collecting import AnswerJudge, Judge, JudgeJob, JudgeStopped, Opinion, PairToJudge, Vote
from unipref.core.contracts.evaluation import BIAS, INSTRUCTION, Benchmark, HeadlineMetric, Precision, SplitBenchmark
from unipref.core.contracts.exporting import Exporter, ExportItem, ExportKind, Part, WrittenRows
from unipref.core.contracts.feedback import Export, FeedbackKind, Format, Grouping, Proposal, read_all
from unipref.core.contracts.judging import Aggregate
from unipref.core.contracts.selection import Scorer, Selection, Strategy
from unipref.core.contracts.training import LearnsFrom, ModelDependency, Trainer, TrainJob

__all__ = [
    "BIAS",
    "INSTRUCTION",
    "Aggregate",
    "AnswerJudge",
    "Benchmark",
    "Choice",
    "Export",
    "ExportItem",
    "ExportKind",
    "Exporter",
    "FeedbackKind",
    "Format",
    "Grouping",
    "HeadlineMetric",
    "Judge",
    "JudgeJob",
    "JudgeStopped",
    "LearnsFrom",
    "ModelDependency",
    "Opinion",
    "PairToJudge",
    "Part",
    "Precision",
    "Proposal",
    "Scorer",
    "Selection",
    "Settings",
    "SplitBenchmark",
    "Strategy",
    "TrainJob",
    "Trainer",
    "Vote",
    "WrittenRows",
    "read_all",
]
