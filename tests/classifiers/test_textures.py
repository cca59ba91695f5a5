import numpy as np

from mammo_core.classifiers.textures import SIDE_PX, _power_law_noise, texture_images


def test_textures_are_the_same_each_time():
    first = texture_images().copy()
    texture_images.cache_clear()

    np.testing.assert_array_equal(texture_images(), first)


def test_textures_are_many_different_pictures_that_use_the_whole_range():
    images = texture_images()

    assert images.shape == (256, SIDE_PX, SIDE_PX)
    assert images.dtype == np.uint8
    assert len({image.tobytes() for image in images}) == len(images)
    assert (images.min(axis=(1, 2)) < 10).all()
    assert (images.max(axis=(1, 2)) > 245).all()


def test_power_falls_with_the_exponent_asked():
    draw = np.random.default_rng(1)
    frequencies = np.hypot(np.fft.fftfreq(SIDE_PX)[:, None], np.fft.rfftfreq(SIDE_PX)[None])
    inner = (frequencies > 0.05) & (frequencies < 0.4)

    for exponent in (1.0, 3.0):
        power = np.mean(
            [np.abs(np.fft.rfft2(_power_law_noise(draw, exponent))) ** 2 for _ in range(50)], axis=0
        )
        slope = np.polyfit(np.log(frequencies[inner]), np.log(power[inner]), 1)[0]
        np.testing.assert_allclose(slope, -exponent, atol=0.1)
