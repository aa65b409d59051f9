"""Training in wring-train beside training in PyTorch. bench/vs_pytorch.py is the command; one concept a file:

settings       configurations, in wring's keys              inputs       the same weights and batches for both sides
trainers       the PyTorch side, eager to the expert's      processes    starting both sides and talking to them
one_config     one configuration, eager, losses compared    step_suite   four configurations, every PyTorch variant
files_suite    from image files, and the loaders alone      psnr_suite   seconds from process start to a PSNR
image_files    HR files and their LR versions               gpu_sampler  GPU-Util and GPM counters, from outside
bicubic        MATLAB's shrinking; PSNR on Y                torch_data   image files as PyTorch's DataLoader reads them
machine        card, driver, software, date                 markdown     the results as tables
vgg19          the perceptual loss                          folded_edsr  EDSR with its linear tail as one convolution
*_worker       what runs in a PyTorch process of its own
"""
