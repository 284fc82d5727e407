"""Prints the documents of a YAML file on standard input as one JSON array."""

import json
import sys

import yaml


class Unique(yaml.SafeLoader):
    """A key that stands twice is a mistake that nobody else would tell of."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key) for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise yaml.constructor.ConstructorError(problem=f"twice: {twice}", problem_mark=node.start_mark)
        return super().construct_mapping(node, deep)


json.dump([document for document in yaml.load_all(sys.stdin, Unique) if document], sys.stdout)
