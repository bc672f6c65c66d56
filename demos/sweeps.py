"""What the demos share that train one model for each of several values: seeds, betas, kinds."""


def refuse_twice(demo, **values):
    """Raise ValueError, in the name of `demo`, where a value is given twice: it would be trained twice, and counted twice in every mean.

    values: {setting: what was given for it}
    """
    for name, given in values.items():
        twice = [value for index, value in enumerate(given) if value in given[:index]]
        if twice:
            raise ValueError(f"{demo}: {name} = {' '.join(map(str, given))} holds {twice[0]} twice, which would be the same run again; give each once")
