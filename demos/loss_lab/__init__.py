"""The loss lab: what GAN losses and ELBO estimators do to gradients, to look at [003.2]

games      one game in the plane under every GAN loss: the discriminator's surface and its push on each sample, a film and a page
critics    hinge and Wasserstein critics on the line, trained, against the optimal ones
vanishing  what the discriminator leaves for the generator: minimax against non-saturating, least squares and Wasserstein
elbo       the ELBO of one data point over (mu, sigma), with the clouds of gradients that three estimators draw
"""
from typing import Literal

import numpy as np

from tinygen import figures
from tinygen.losses.gan import LOSSES
from tinygen.progress import Progress
from tinygen.training import Run

from demos.sweeps import refuse_twice
from demos.tables import print_table

from . import critics, elbo, games, vanishing

PARTS = ("games", "critics", "vanishing", "elbo")


def main(*, parts=PARTS, data: Literal["8-gaussians", "25-gaussians", "bimodal", "ring", "spiral", "swiss-roll", "two-moons"] = "8-gaussians",
         steps=600, every=25, critic_updates=2000, x=1.0, t=1.0, draws=300, seed=0, out="runs/loss_lab"):
    """Make the figures and print the numbers behind them.

    parts: any of games, critics, vanishing, elbo
    data: the distribution that the games are about
    steps: of each game
    every: steps between two frames of the film
    critic_updates: updates of each critic on the line
    x: the data point of the ELBO
    t: standard deviation of p(x|z)
    draws: gradients in each cloud
    """
    settings = dict(locals())
    refuse_twice("loss_lab", parts=parts)
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        raise ValueError(f"loss_lab: there is no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    results = {}
    with Run(out, settings) as run:
        if "games" in parts:
            results |= show_games(run, data, steps, every, seed)
        if "critics" in parts:
            *line, curves = critics.compare(critic_updates, seed)
            run.figure("critics", critics.figure(*line, curves))
            table = {name: {"mean difference": np.abs(best - found).mean()} for name, (best, found) in curves.items()}
            print_table(table, "critic on the line, trained against optimal")
            results |= {f"{name}: mean difference from the best critic": row["mean difference"] for name, row in table.items()}
        if "vanishing" in parts:
            results |= show_vanishing(run, seed)
        if "elbo" in parts:
            points, drawn = elbo.clouds(x, t, draws, seed)
            run.figure("elbo", elbo.figure(x, t, points, drawn))
            table = {name: {"variance by mu": cloud[0, :, 0].var(), "by sigma": cloud[0, :, 1].var()} for name, cloud in drawn.items()}
            print_table(table, "gradients at the exact posterior")
            results |= {f"{name}: {column} at the posterior": value for name, row in table.items() for column, value in row.items()}
        run.finish(**results)


def show_games(run, data, steps, every, seed):
    """Play and draw; {what: number}."""
    real, drawn = games.real_points(data, seed)
    played = {}
    with Progress(len(LOSSES), "games", unit="games") as progress:
        for name in LOSSES:
            played[name] = games.play(name, real, steps=steps, every=every, seed=seed)
            progress.update(1)
    moments = next(iter(played.values()))
    frames = [run.out / "frames" / f"step-{moment.step:05}.png" for moment in moments]
    frames[0].parent.mkdir(exist_ok=True)
    with Progress(len(frames), "frames", unit="frames") as progress:
        for index, path in enumerate(frames):
            figures.save(games.frame(played, index, drawn), path)
            progress.update(1)
    figures.write_gif(frames + frames[-1:] * 5, run.out / "games.gif", fps=3)
    run.figure("games", games.storyboard(played, drawn))
    run.figure("pushes", games.strengths(played))
    last = {name: moments[-1].strength for name, moments in played.items()}
    print_table({name: {"mean push at the end": strength} for name, strength in last.items()}, "game")
    return {f"{name}: mean push at the end": strength for name, strength in last.items()}


def show_vanishing(run, seed, distance=10.0):
    """Measure and draw; {what: number}."""
    distances = np.linspace(0.2, distance, 50)
    best = vanishing.by_distance(distances)
    updates, training = vanishing.by_training(distance, seed=seed)
    run.figure("vanishing", vanishing.figure_by_distance(distances, best))
    run.figure("vanishing-in-training", vanishing.figure_by_training(updates, training, distance))
    table = {name: {f"mean push at distance {distances[i]:g}": f"{values[i]:.2g}" for i in (4, 24, 49)} for name, values in best.items()}
    print_table(table, "under the best discriminator")
    table = {name: {f"after {updates[i]} updates": f"{values[i]:.2g}" for i in (0, len(updates) // 2, -1)} for name, values in training.items()}
    print_table(table, f"mean push at distance {distance:g}")
    return {f"{name}: mean push at distance {distance:g} under the best": values[-1] for name, values in best.items()}
