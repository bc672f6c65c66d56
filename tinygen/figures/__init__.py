"""Everything that draws: each function takes NumPy arrays and returns a Figure nobody else holds. Only here is Matplotlib.

    from tinygen import figures
    figures.save(figures.image_grid(samples, title="epoch 10"), "samples.png")

images: grids of images; curves and bars: numbers over training and side by side; latent: codes and the pictures they
decode to; density and plane: generative games in one and two dimensions; landscape: a loss over
two parameters; graph: a computation graph; writers and readers: files;
style: sizes, colours and axes in the house style, for a figure that is not here yet.
"""

from .bars import bar_chart, class_shares, heat_table
from .curves import line_panels, path_profiles, rate_distortion, smooth, training_curves
from .density import densities_1d, density_over_time, density_pair, kernel_density, likely_bandwidth
from .graph import Node, draw_graph
from .images import (array_to_image, class_rows, concat_images, image_grid, image_rows, path_strips, reconstruction_pairs,
                     samples_over_time)
from .landscape import gradient_clouds
from .latent import latent_manifold, latent_plane, latent_scatter, latent_traversals, plane_map
from .plane import critic_map, critic_panels, domain_maps, generator_manifold, point_panels
from .readers import read_images
from .style import dress, finish, new_figure, new_panels
from .writers import save, write_gif, write_png

__all__ = [
    "Node", "array_to_image", "bar_chart", "class_shares", "class_rows", "concat_images", "critic_map", "critic_panels",
    "densities_1d", "density_over_time", "density_pair", "domain_maps", "draw_graph", "dress", "finish",
    "generator_manifold", "gradient_clouds", "heat_table", "image_grid", "image_rows", "kernel_density", "latent_manifold",
    "latent_plane", "latent_scatter", "latent_traversals", "likely_bandwidth", "line_panels", "new_figure", "new_panels",
    "path_profiles", "path_strips", "plane_map", "point_panels", "rate_distortion", "read_images", "reconstruction_pairs",
    "samples_over_time", "save", "smooth", "training_curves", "write_gif", "write_png"]
