"""Templates: strategies as data in a small typed grammar, read, checked, printed, versioned, and never executed.

grammar      what a template may say          catalogue  the signals that it may look at
reading      text in, digest out              words      a template in sentences
shelf        those that ship                  measure    signals, confidence and conditions of one market
strategy     a template as a Strategy         books      five portfolios and their mean
pairs        what moves together              contracts  options on what was chosen
"""

from bursar.research.templates.grammar import Template
from bursar.research.templates.reading import digest, parse
from bursar.research.templates.shelf import shipped, template, varied
from bursar.research.templates.strategy import TemplateStrategy

__all__ = ["Template", "TemplateStrategy", "digest", "parse", "shipped", "template", "varied"]
