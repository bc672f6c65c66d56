"""Finished CIFAR-10 runs in one table, with their pictures side by side [004.2, 004.3]

    python -m demos cifar_table --runs runs/cifar-vae runs/cifar-vae-contrast runs/cifar-vae-gan runs/cifar-vae-gan-contrast

Each folder is a finished run of `python -m demos cifar`. The table holds both FIDs, the probe's accuracy with the raw pixels'
beside it, epochs and minutes; the comments that the sheet asks for are drawn from these numbers.
"""
import json
from pathlib import Path

import numpy as np

import tinygen as tg
from tinygen import data as tgdata
from tinygen import figures
from tinygen.models.cifar import CifarVAE, as_cifar
from tinygen.training import Run

from demos.cifar import rebuilt
from demos.finished import differences, load_weights, settings_of
from demos.tables import print_table


def main(*, runs=("runs/cifar",), out="runs/cifar_table"):
    """Print the table, the comments, and draw originals, reconstructions and samples of all runs.

    runs: folders of finished runs
    """
    settings, table = {}, {}
    for folder in runs:
        settings[folder], table[folder] = read_run(folder)
    print_table(table, "run")
    names = named(settings)
    comments = list(compare({names[folder]: row for folder, row in table.items()}, {names[folder]: of for folder, of in settings.items()}))
    print("\n" + "\n".join(comments))
    with Run(out, {"runs": list(runs)}) as run:
        test = as_cifar(tgdata.load(settings[runs[0]]["data"], "test")[0][:10])
        shown = np.ascontiguousarray(test)
        again, samples = {"originals": tgdata.to_float(shown)}, {}
        for folder in runs:
            tg.manual_seed(0)
            autoencoder = load_autoencoder(folder, settings[folder])
            again[names[folder]], samples[names[folder]] = rebuilt(autoencoder, shown), autoencoder.sample(10)
        run.figure("reconstructions", figures.image_rows(again, title="Test images and their reconstructions"))
        run.figure("samples", figures.image_rows(samples, title="Codes from the prior"))
        (Path(out) / "comments.txt").write_text("\n".join(comments) + "\n")
        run.finish(**{f"{name}, {folder}": value for folder, row in table.items() for name, value in row.items()
                      if isinstance(value, float)})


def read_run(folder):
    """(settings, results) of a finished run; raises where there is none."""
    settings = settings_of(folder, "model", "change", "latent", what="run of cifar")
    results = json.loads((Path(folder) / "results.json").read_text())
    return settings, {"model": settings["model"], "change": settings["change"], **results}


def named(settings):
    """{folder: its run in two words}, with the folder where two runs are alike."""
    words = {folder: of["model"] + ("" if of["change"] == "none" else f" + {of['change']}") for folder, of in settings.items()}
    return {folder: name if list(words.values()).count(name) == 1 else f"{name} ({folder})" for folder, name in words.items()}


def load_autoencoder(folder, settings):
    """The VAE of a finished run, with its weights: those of the average for VAE-GAN."""
    if settings["model"] == "vae-gan":
        return load_weights(folder, CifarVAE(settings["latent"]), "average")
    return load_weights(folder, CifarVAE(settings["latent"]))


def compare(by_words, settings):
    """One sentence for each thing that can be compared, from {run in two words: row} and the settings: what a change did, what VAE-GAN did.

    A sentence names what else the two runs differ in; the learning rate and the KL's weight of VAE-GAN are its own.
    """
    for name, row in by_words.items():
        if row.get("probe accuracy") is not None and row.get("pixel accuracy") is not None:
            side = "above" if row["probe accuracy"] > row["pixel accuracy"] else "not above"
            yield (f"{name}: one linear layer on the code reaches {row['probe accuracy']:.1%}, {side} the {row['pixel accuracy']:.1%} of the "
                   f"same layer on raw pixels.")
    pairs = [(name, name.split(" + ")[0]) for name in by_words if " + " in name] + [("vae-gan", "vae")]
    for name, base in pairs:
        if name in by_words and base in by_words:
            parts = []
            for key, better in (("reconstruction FID", -1), ("generation FID", -1), ("probe accuracy", 1)):
                a, b = by_words[name].get(key), by_words[base].get(key)
                if a is not None and b is not None:
                    form = ".1%" if "accuracy" in key else ".1f"
                    parts.append(f"{key} {b:{form}} -> {a:{form}} ({'better' if (a - b) * better > 0 else 'not better'})")
            known = ("data", "images", "epochs", "batch_size", "latent", "seed") + ("lr", "beta") * (" + " in name)
            different = differences(settings[base], settings[name], known)
            if parts:
                yield f"{name} against {base}: " + "; ".join(parts) + (f" (also different: {'; '.join(different)})" if different else "") + "."
