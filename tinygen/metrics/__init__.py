"""Judging samples: distances between sets of images, coverage, probes and the networks they use.

Reading order: score (a number that says how it was measured), frechet, neighbours, modes, probe, then inception, comparison, judge, monitor.
"""
from .comparison import INCEPTION, Comparison, Extractor, Measures, cached_features, compare, compare_features, fid, kid
from .frechet import Statistics, frechet_distance, frechet_score, kernel_score, real_pair, statistics
from .inception import inception_features
from .judge import Judge, load_judge, train_judge
from .modes import ClassAbundance, ModeCoverage, class_abundance, histogram_entropy, mode_coverage
from .monitor import CollapseMonitor
from .neighbours import PrecisionRecall, mean_pairwise_distance, nearest, precision_recall
from .probe import Probe, knn_classify, knn_probe, linear_probe
from .score import Score
