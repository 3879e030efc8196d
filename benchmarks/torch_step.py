"""The Multi-residual U-Net and its training step in plain PyTorch, to measure ours beside: run by ``train_step``.

``python benchmarks/torch_step.py --width 64 --batch 8 --steps 3`` prints one JSON line; it needs PyTorch only. What a
PyTorch user would write: eager or ``torch.compile``, channels last, bf16 autocast on a GPU.
"""

import argparse
import json
import resource
import time

import torch
from torch import nn
from torch.nn import functional as F

STAGES = 4
_CHAIN = 10
"""Steps that a GPU is given before they are waited for."""


class ConvBlock(nn.Sequential):
    """3x3 convolution, batch normalisation, ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        """From ``inputs`` to ``outputs`` channels."""
        super().__init__(nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class Encoder(nn.Module):
    """Halve, one residual unit, double the channels."""

    def __init__(self, channels: int) -> None:
        """From ``channels`` to twice as many."""
        super().__init__()
        self.down = nn.Conv2d(channels, channels, 2, stride=2)
        self.residual = nn.Sequential(ConvBlock(channels, channels), ConvBlock(channels, channels))
        self.widen = ConvBlock(channels, 2 * channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(B, C, H, W)`` -> ``(B, 2C, H/2, W/2)``."""
        x = self.down(x)
        return self.widen(x + self.residual(x))


class Bridge(nn.Module):
    """Residual block with reflect padding."""

    def __init__(self, channels: int) -> None:
        """Keeps ``channels``."""
        super().__init__()
        self.block = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(B, C, H, W)`` -> the same shape."""
        return x + self.block(x)


class Decoder(nn.Module):
    """Double the resolution, concatenate the skip, two convolution blocks."""

    def __init__(self, channels: int) -> None:
        """To ``channels`` from twice as many."""
        super().__init__()
        self.up = nn.ConvTranspose2d(2 * channels, channels, 2, stride=2)
        self.conv = nn.Sequential(ConvBlock(2 * channels, channels), ConvBlock(channels, channels))

    def forward(self, x: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        """``(B, 2C, h, w)`` and the skip ``(B, C, 2h, 2w)`` -> ``(B, C, 2h, 2w)``."""
        return self.conv(torch.cat([skip, self.up(x)], dim=1))


class MRUNet(nn.Module):
    """The network of ``lstsr_jax.models.mrunet``; 45,049,601 parameters at width 64."""

    def __init__(self, width: int) -> None:
        """Of ``width`` channels at the first level."""
        super().__init__()
        self.first = nn.Sequential(ConvBlock(1, width), ConvBlock(width, width))
        self.encoders = nn.ModuleList(Encoder(width * 2**stage) for stage in range(STAGES))
        self.bridge = Bridge(width * 2**STAGES)
        self.decoders = nn.ModuleList(Decoder(width * 2**stage) for stage in reversed(range(STAGES)))
        self.output = nn.Conv2d(width, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(B, 1, H, W)`` -> the same shape."""
        level, skips = self.first(x), []
        for encoder in self.encoders:
            skips.append(level)
            level = encoder(level)
        level = self.bridge(level)
        for decoder in self.decoders:
            level = decoder(level, skips.pop())
        return x + self.output(level)


def main() -> None:
    """Time steps and print one JSON line."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--device", choices=["cpu", "cuda"], help="CUDA where there is a GPU, if left out")
    parser.add_argument("--compile", action="store_true", help="torch.compile")
    args = parser.parse_args()
    device = args.device or ("cuda" if torch.cuda.is_available() else "cpu")
    if device == "cuda" and not torch.cuda.is_available():
        raise SystemExit(f"PyTorch {torch.__version__} sees no GPU")
    chain = _CHAIN if device == "cuda" else 1
    torch.manual_seed(0)
    start = time.perf_counter()
    model = MRUNet(args.width).to(device, memory_format=torch.channels_last).train()
    optimizer = torch.optim.Adam(model.parameters(), 1e-4)
    truth = 290 + 5 * torch.randn(args.batch, 1, 64, 64, device=device)

    def step(truth: torch.Tensor) -> torch.Tensor:
        optimizer.zero_grad(set_to_none=True)
        coarse = F.avg_pool2d(truth.pow(4), 4).pow(0.25)
        ilr = F.interpolate(coarse, scale_factor=4, mode="bicubic", align_corners=False)
        centre = ilr.mean((2, 3), keepdim=True)
        seen = ((ilr - centre) / 3).contiguous(memory_format=torch.channels_last)
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            fine = network(seen)
        loss = F.mse_loss(fine.float() * 3 + centre, truth)
        loss.backward()
        optimizer.step()
        return loss.detach()

    network = torch.compile(model) if args.compile else model
    step(truth).item()
    first, times, cpu = time.perf_counter() - start, [], []
    for _ in range(args.steps):
        begin, used = time.perf_counter(), time.process_time()
        for _ in range(chain):
            loss = step(truth)
        loss.item()  # waits
        times.append((time.perf_counter() - begin) / chain)
        cpu.append((time.process_time() - used) / chain)
    result = {
        "name": f"PyTorch {torch.__version__} {'compiled' if args.compile else 'eager'}",
        "parameters": sum(p.numel() for p in model.parameters()),
        "times": times,
        "cpu": cpu,
        "first_step": first,
        "device": device,
        "memory": torch.cuda.max_memory_allocated()
        if device == "cuda"
        else 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
