"""The models and the mathematics of the course From Autoencoders to VQ-VAE.

Imports run one way: information → likelihoods → priors → objectives → models → training →
evaluation → plots → widgets. Every quantity is in nats unless its name says otherwise;
log-likelihoods and divergences are summed over dimensions and averaged over the batch.
"""
