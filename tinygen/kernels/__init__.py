"""Array-only kernels: where the time goes, and what is done about it.

A training step of a convolutional net in plain NumPy loses its time in copies in the wrong memory order, in arrays that do not fit
the cache, and in cores that wait. Six rules, each in one place, answer them (effects measured on two AVX-512 cores):

1. Channels-last memory under NCHW shapes (layout.py). A user sees (N, C, H, W), the memory is (N, H, W, C), and NumPy's ufuncs keep
   it so through the whole net. Unfolding copies long runs, the product needs no transpose; weights are stored as they are read.
2. Tiles (convolution.py): a few images at a time are padded and unfolded into one reused buffer and multiplied at once, 1.4 to 1.8
   times faster than unfolding the whole batch, in flat memory.
3. Half the batch to each core (backend.parallel), the BLAS at one thread meanwhile, so that copies run in parallel too. Pieces are
   long, a quarter of a million floats: shorter ones make the threads wait for each other's lock (Adam: 26 ms short, 12 ms long).
4. Gather or scatter (convolution.py), whichever an estimate from six constants calls cheaper: 64 channels to 3, 10.4 ms or 2.4.
   Few channels: several outputs from one longer window, 16 to 8 channels, 1.8 ms to 1.2.
5. Several passes over one block (pointwise.py, moments.py): batch norm is two passes over memory, forward and backward.
6. Matrix products whose rows collide in the cache are copied into panels first (matrix.py): 9.9 ms to 3.5.
"""
