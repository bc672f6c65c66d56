"""The weights of the Inception network: where they are looked for, and batch norm folded into the convolutions.

Two files hold them: `pt_inception-2015-12-05.npz`, and the state dict published with the pytorch-fid project,
`pt_inception-2015-12-05-6726825d.pth`, which is read without PyTorch.
"""
import numpy as np

from ..data import pytorch_files
from ..data.readers import read_npz

FILES = ("pt_inception-2015-12-05.npz", "pt_inception-2015-12-05-6726825d.pth")
EPS = 1e-3                                                      # of the network's batch norms


def find_weights(folders):
    """The path of the first weight file in the folder `inception` of any of `folders`; FileNotFoundError where there is none."""
    for folder in folders:
        for name in FILES:
            if (path := folder / "inception" / name).is_file():
                return path
    raise FileNotFoundError(
        f"inception_features: no weights of the FID network in {' or '.join(str(f / 'inception') for f in folders)}. "
        f"Put {FILES[1]} there (the release 'fid_weights' of mseitzer/pytorch-fid on GitHub, 91 MB), "
        f"or its arrays as {FILES[0]}; $TINYGEN_DATA names another data folder")


def read_folded(path, shapes):
    """{"Mixed_5b.branch1x1.weight": array, "...bias": array, ...} with the batch norms folded in, float32.

    shapes: {name: shape} of the network that wants them. Raises ValueError when the file holds another network's weights.
    gamma (conv(x) - mean) / sqrt(variance + eps) + beta = conv(x, weight scale) + (beta - mean scale), scale = gamma / sqrt(variance + eps).
    """
    if path.suffix == ".pth":
        state = pytorch_files.read_state_dict(path)
    else:
        state = read_npz(path)
    folded = {}
    for name in (key.removesuffix(".weight") for key in shapes if key.endswith(".weight")):
        wanted = [f"{name}.{part}" for part in ("conv.weight", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var")]
        missing = [key for key in wanted if key not in state]
        if missing:
            raise ValueError(f"inception_features: {path} holds {len(state)} arrays but no {missing[0]}: "
                             f"these are not the weights of the FID network; it needs {' or '.join(FILES)}")
        weight, gamma, beta, mean, variance = (np.asarray(state[key]) for key in wanted)
        if weight.shape != shapes[f"{name}.weight"] or any(a.shape != weight.shape[:1] for a in (gamma, beta, mean, variance)):
            raise ValueError(f"inception_features: {path}: {wanted[0]} {weight.shape} and its batch norm {gamma.shape} should be "
                             f"{shapes[f'{name}.weight']} (out, in, kh, kw) and (out,): these are not the weights of the FID network")
        scale = gamma.astype(np.float64) / np.sqrt(variance.astype(np.float64) + EPS)
        folded[f"{name}.weight"] = (weight * scale[:, None, None, None]).astype(np.float32)
        folded[f"{name}.bias"] = (beta - mean * scale).astype(np.float32)
    return folded
