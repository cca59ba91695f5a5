"""The generator `flow_gan`: a flow matching network draws a small image of a mass, a GAN its detail."""
