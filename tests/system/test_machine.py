import os
import stat

import psutil

from mammo_core.system.machine import this_machine


def pretend_nvidia_smi(folder, monkeypatch, script):
    tool = folder / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(tool.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_machine_has_cores_and_memory():
    machine = this_machine()

    assert machine.num_cores == os.cpu_count()
    assert machine.memory_gb * 2**30 == psutil.virtual_memory().total


def test_gpus_are_those_that_the_driver_lists(tmp_path, monkeypatch):
    pretend_nvidia_smi(tmp_path, monkeypatch, "echo 'NVIDIA A, 24576'; echo 'NVIDIA B, 8192'")

    assert this_machine().gpus == ("NVIDIA A, 24 GB", "NVIDIA B, 8 GB")


def test_gpu_without_memory_of_its_own_keeps_its_name(tmp_path, monkeypatch):
    pretend_nvidia_smi(tmp_path, monkeypatch, "echo 'NVIDIA GB10, [N/A]'")

    assert this_machine().gpus == ("NVIDIA GB10",)


def test_broken_driver_means_no_gpu(tmp_path, monkeypatch):
    pretend_nvidia_smi(tmp_path, monkeypatch, "echo 'no driver'; exit 9")

    assert this_machine().gpus == ()
